"""The routes of the shop, one noun per file."""
