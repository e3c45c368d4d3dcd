"""Make featx-text-nano: tables of tokens and of token pairs and one hidden layer, distilled; letters hashed.

The teacher is all-MiniLM-L6-v2.

    python -m recipes.text_nano sources                         print the repositories that the text
                                                                comes from: commits, terms, files
    python -m recipes.text_nano corpus SOURCES EVALUATION WORK  their sentences, without those that
                                                                are like an evaluation text
    python -m recipes.text_nano tokens TEACHER WORK             the vocabulary (from the teacher's)
                                                                and each sentence as token ids
    python -m recipes.text_nano teach TEACHER WORK              the teacher's embedding of each
                                                                sentence and token; hours of one core
    python -m recipes.text_nano train WORK                      the student; a quarter of an hour of
                                                                one core
    python -m recipes.text_nano export WORK OUT                 int8 tables: OUT/backbone.onnx and
                                                                OUT/tokenizer.json
    python -m recipes.text_nano check OUT                       the graph against the same mathematics
                                                                in numpy; masks, padding, neighbours
    python -m recipes.text_nano quick [--teacher TEACHER]       all of this but sources and corpus, on
                                                                made-up sentences, under a minute; with
                                                                made-up targets without a teacher
    python -m recipes.text_nano accuracy MODEL DATA             heads on labelled sets
    python -m recipes.text_nano sets                            print the labelled sets of other languages
    python -m recipes.text_nano labelled SOURCES DATA           their texts as DATA/<set>/*.csv
    python -m recipes.text_nano languages MODEL DATA            heads on them, beside TF-IDF of characters
    python -m recipes.text_nano speed MODEL DATA                sentences a second on one thread

SOURCES holds a checkout of each repository as owner/name. EVALUATION holds <set>/*.csv with a
column "text": those sentences are never learned from. TEACHER holds backbone.onnx and
tokenizer.json of all-MiniLM-L6-v2, with an output "sentence_embedding"; MODEL the same two files of
any sentence backbone; DATA <set>/train.csv and <set>/test.csv with the columns "text" and "label".
The defaults are those of the shipped bytes; sums run in another order on another machine, so a new
run agrees closely, not exactly.

Needs featx, numpy, onnx, onnxruntime and tokenizers; train and quick also torch, accuracy and languages
scikit-learn. Nothing of the letters is learned: their columns are drawn (``recipes.text_nano.letters``).
"""
