"""Content keys: where they come from, how they are wrapped for recipients, and who opens them. ONVIF B.8."""
