"""Make featx-image-nano: a small dense network distilled from three teachers, against a clock.

Three laps of training of a wide network, one of a narrower one that is made of it, an embedding
measured on the training pictures, and eight-bit integers.

    python -m recipes.image_nano sources                      print the repositories: commits, terms
    python -m recipes.image_nano prepare SOURCES AVOID WORK   decode; leave out what is near a picture
                                                              of AVOID
    python -m recipes.image_nano teach VIT MOBILENET LITE WORK
                                                              the teachers' answers; resumes
    python -m recipes.image_nano train WORK --minutes 323     the wide student; a checkpoint every
                                                              four minutes; resumes
    python -m recipes.image_nano narrow WORK --minutes 86     the narrow one, from the wide one
    python -m recipes.image_nano export WORK GRAPH            the averaged narrow student in int8,
                                                              and how it agrees
    python -m recipes.image_nano latency GRAPH                median of single images on one thread
    python -m recipes.image_nano quick                        all of this on made-up pictures and
                                                              teachers

SOURCES holds a checkout of each repository as owner/name; AVOID the evaluation sets, which must
not be learned from. VIT is timm's vit_tiny_patch16_224.augreg_in21k_ft_in1k as ONNX, its
initializers named as in ``teachers``; MOBILENET the ONNX model zoo's mobilenetv2-7 without its
classifier, output "embedding"; LITE EfficientNet-Lite2 without its classifier, the same. The
schedule follows the clock, so a run fits its time on any machine, and no two runs give the same
bytes.

Needs numpy, pillow, onnx, onnxruntime and torch==2.13.0 (sources, prepare and latency no torch).
"""
