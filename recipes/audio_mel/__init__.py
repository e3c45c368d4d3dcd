"""Build featx-audio-mel: log-mel statistics as one ONNX graph; nothing is learned or downloaded.

    python -m recipes.audio_mel build GRAPH         write the graph; the defaults are those of the
                                                    shipped bytes
    python -m recipes.audio_mel check GRAPH         compare it with the same mathematics in numpy
    python -m recipes.audio_mel probe GRAPH FSDD    measure it on the Free Spoken Digit Dataset
    python -m recipes.audio_mel quick               build and check a small variant in a temporary
                                                    folder, a few seconds

FSDD holds train/<digit>/*.wav and test/<digit>/*.wav, named digit_speaker_number.wav.
Needs numpy, onnx and onnxruntime; probe also scikit-learn, soundfile and soxr.
"""
