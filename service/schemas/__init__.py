"""The JSON of the contract, in and out; imports no other wing of the service."""
