"""The listening study (paper section 5.2, appendix C): blind pairs of music for the same video, rated by people.

`create` draws the pairs and writes their videos, `Store` keeps raters and answers, `app` shows them, `analyse` turns
answers into preference rates.
"""
