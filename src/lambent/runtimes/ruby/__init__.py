"""Ruby: runtime.py says how it is found and started; bootstrap/ is what runs inside."""
