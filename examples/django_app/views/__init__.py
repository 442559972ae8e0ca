"""The views of the shop, one noun per file."""
