"""Comparisons of featx with the libraries that write model folders, where these are installed.

Some of what the libraries give is pinned as data of the tests, which run without them.
"""
