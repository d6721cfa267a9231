"""Video2Music (Kang et al. 2023, arXiv 2311.00968): a chord each second from the video, arranged by its loudness."""
