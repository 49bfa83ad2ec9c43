"""Who may do what, and what keeps others out: identity, roles, sessions, forgery, limits, addresses."""
