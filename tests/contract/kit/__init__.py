"""The contract kit, held against sound plugins and against plugins that are broken in one way each.

A sound one passes every test; a broken one fails exactly the tests that speak of its fault.
"""
