"""One crawl into a corpus, its report, and forgetting; imports no stage of training."""
