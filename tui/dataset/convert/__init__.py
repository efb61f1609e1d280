"""Other people's formats into chat and preference records."""
