"""The store on SQLite files and a folder of blobs, for one machine. Start at store.py, then writer.py."""
