"""The users' commands. (Placeholder until the supervision lands.)"""
