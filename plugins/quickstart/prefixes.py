"""The prefixes that the tasks put before their texts; a test holds them against the tasks' own."""

PREFIXES = {
    "visual-question-answering": "vqa: ",
    "compositional-question-answering": "gqa: ",
    "two-image-statements": "nlvr: ",
    "image-captioning": "caption: ",
    "multiple-choice-video-question-answering": "video-mc: ",
    "open-video-question-answering": "video-qa: ",
    "video-captioning": "video-caption: ",
}
