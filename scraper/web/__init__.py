"""The polite web client: addresses, transport, robots.txt; imports no source."""
