"""Logging in and out: by OpenID Connect at a site, by the start key on a shared computer."""
