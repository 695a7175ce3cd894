"""The names of AWS's toolkit that scripts of users import; the rest of it is not here."""
