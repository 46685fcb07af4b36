"""A campaign through everything that can go wrong, and a comparison with Twilio's record at the end."""
