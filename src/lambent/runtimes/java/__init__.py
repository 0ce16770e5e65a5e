"""Java: runtime.py says how it is found and started, building.py makes what runs inside of bootstrap/."""
