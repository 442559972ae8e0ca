"""The event loop: how late it is, how busy, who holds it up, and who suffers."""
