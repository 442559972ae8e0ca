"""Pure functions over what cells and storage hold."""
