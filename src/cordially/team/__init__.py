"""Who may do what with an event: its members, their roles, and the links that bring new ones."""
