"""Content keys: their sources, wrapping for recipients, and unwrapping. ONVIF Recording Control 25.12, B.8."""
