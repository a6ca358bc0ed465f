"""Motion JPEG."""
