"""What the Registry accepts. Pure, but for the look-up of host names in `addresses`.

Each module reads one kind of spec into the fields of its value: those that were given, checked and
tidied. InvalidRequest names the first that is wrong, in the API's spelling, and says what is right.
"""
