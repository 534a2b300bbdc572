"""The version, which the build reads and exported files carry."""

__version__ = "0.2.0"
