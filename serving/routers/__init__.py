"""The routes of ``/v1``: what a request says, handed to those who know, and answered once it is on the disk."""
