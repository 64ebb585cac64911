"""Sources of published data sets, from the annotation files that their authors give out."""

PUBLISHED = {
    "vqav2": ("Vqav2Options", "vqav2:build"),
    "gqa": ("GqaOptions", "gqa:build"),
    "nlvr2": ("Nlvr2Options", "nlvr2:build"),
    "snli-ve": ("SnliVeOptions", "snli_ve:build"),
    "coco-captions": ("CocoCaptionsOptions", "coco_captions:build"),
    "tvqa": ("TvqaOptions", "video_questions:build_tvqa"),
    "how2qa": ("How2QaOptions", "video_questions:build_how2qa"),
    "tvc": ("TvcOptions", "video_captions:build_tvc"),
    "yc2c": ("Yc2cOptions", "video_captions:build_yc2c"),
    "image-text-shards": ("ImageTextShardsOptions", "image_text_shards:build"),
}
"""Name -> (options model, `module:callable`)."""
