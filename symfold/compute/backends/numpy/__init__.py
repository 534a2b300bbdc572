"""The NumPy backend: straight calls into arrays made beforehand, one loop a fold."""
