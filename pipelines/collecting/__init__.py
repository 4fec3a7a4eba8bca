"""One crawl into a corpus, its report, and forgetting; imports no training, no outliers."""
