"""Make featx-audio-nano: a small network over time and pitch, distilled from two teachers.

    python -m recipes.audio_nano sources                      print the repositories: commits, terms
    python -m recipes.audio_nano speak SPOKEN                 words in many voices, by espeak-ng
    python -m recipes.audio_nano collect SOURCES SPOKEN WORK  all clips; held-out words are left out
    python -m recipes.audio_nano teach SPEECH YAMNET WORK     both teachers' answers, once
    python -m recipes.audio_nano train WORK --minutes 62      the student; written every few minutes
    python -m recipes.audio_nano export WORK GRAPH            the averaged student as a graph, and
                                                              how it agrees
    python -m recipes.audio_nano check GRAPH                  compare the graph with numpy
    python -m recipes.audio_nano probe GRAPH FSDD             measure it on spoken digits
    python -m recipes.audio_nano quick                        train, export and check on drawn calls
                                                              and made-up answers

SOURCES holds a checkout of each repository as owner/name. SPEECH is the folder with
melspectrogram.onnx and embedding_model.onnx of openWakeWord, YAMNET is YAMNet as ONNX with the
output "embedding". FSDD holds train/<digit>/*.wav and test/<digit>/*.wav: nothing of it is learned.

Needs numpy, onnx and onnxruntime; collect also soundfile and soxr, speak espeak-ng, train, export
and quick torch==2.13.0, probe scikit-learn.
"""
