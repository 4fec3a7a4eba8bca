"""Pictures: topic classifiers, their training and their runtimes."""
