"""Every data set of the course: where it comes from, under which licence, and what replaces it offline."""

from coursekit.data.model import Dataset, listed_files

_ENTRIES = (
    Dataset(
        name="librispeech_speakers",
        title="LibriSpeech, one clip each of 50 speakers",
        licence="CC BY 4.0 (V. Panayotov and others, LibriSpeech, 2015, train-clean-100)",
        description="25 women and 25 men reading, 9 to 16 s each, 16,000 Hz mono 16-bit FLAC, without texts",
        files=listed_files(
            "librispeech_speakers",
            "https://raw.githubusercontent.com/resemble-ai/Resemblyzer/15d828edebe06bc72b9cabc8ef8ca5ab2cb457ce"
            "/audio_data/librispeech_train-clean-100/",
        ),
        mirror="librispeech/LibriSpeech",
        stand_in="synthetic voices made on this machine",
    ),
    Dataset(
        name="ljspeech_sample",
        title="LJSpeech, clips LJ001-0001 to LJ001-0032",
        licence="public domain (LibriVox recording, Keith Ito's LJ Speech Dataset 1.1)",
        description="one woman reading, 32 clips of 1 to 10 s, 22,050 Hz mono 16-bit WAV, with texts",
        files=listed_files(
            "ljspeech_sample",
            "https://raw.githubusercontent.com/idiap/coqui-ai-TTS/7cde79ec2d7c9b0210dbae29da40a1ea1bfe1089"
            "/tests/data/ljspeech/wavs/",
        ),
        mirror="ljspeech/LJSpeech-1.1",
        stand_in="a synthetic voice made on this machine",
        transcripts="ljspeech_sample.csv",
    ),
    Dataset(
        name="mnist",
        title="MNIST handwritten digits",
        licence="Y. LeCun and C. Cortes, commonly stated as CC BY-SA 3.0",
        description="60,000 training and 10,000 test pictures of 28x28 pixels, the four original IDX files",
        files=listed_files(
            "mnist", "https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"
        ),
        mirror="mnist",
        stand_in="the 1,797 handwritten digits that ship with scikit-learn, scaled to 28x28",
    ),
    Dataset(
        name="spoken_digits",
        title="Free Spoken Digit Dataset, takes 0 to 9",
        licence="CC BY-SA 4.0 (Z. Jackson and others, Free Spoken Digit Dataset)",
        description="six people saying zero to nine ten times, 600 clips of about half a second, 8,000 Hz mono WAV",
        files=listed_files(
            "spoken_digits",
            "https://raw.githubusercontent.com/Jakobovski/free-spoken-digit-dataset"
            "/26eb9aaf76e81b692f806f9140c2d2777410d7a1/recordings/",
        ),
        mirror="fsdd",
        stand_in="digits by synthetic voices made on this machine",
    ),
)

DATASETS: dict[str, Dataset] = {entry.name: entry for entry in _ENTRIES}
