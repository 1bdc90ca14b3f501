"""``python -m dashboard doctor``: is everything as the dashboard needs it, and if not, what now?"""
