"""Bulk jobs: a file of leads goes in, three files of results come out; as in Salesforce Bulk API 2.0."""
