"""The recipe of featx-image-nano: its pictures, its schedule, and one step of each kind of work."""

from collections import Counter

import numpy as np
import onnx
import pytest
from PIL import Image, ImageOps

from recipes.image_nano import prepare, schedule, store
from recipes.image_nano.duplicates import EvaluationImages, find_images
from recipes.image_nano.quick import (
    EXPECTED,
    make_up_network,
    make_up_sources,
    make_up_vit,
)
from recipes.image_nano.repositories import REPOSITORIES, ImageRepository

NO_TORCH = "training needs torch, which featx does not"


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """Made-up sources and teachers, and the work folder that is prepared from them."""
    root = tmp_path_factory.mktemp("made up")
    rng = np.random.default_rng(0)
    make_up_sources(root, rng)
    make_up_vit(root / "vit.onnx", rng)
    make_up_network(root / "mobilenet.onnx", rng)
    make_up_network(root / "lite.onnx", rng)
    prepare.prepare(root / "sources", root / "avoid", root / "work")
    return root


@pytest.fixture(scope="module")
def taught(made_up):
    """The work folder with the teachers' answers."""
    pytest.importorskip("torch", reason=NO_TORCH)
    from recipes.image_nano.teachers import teach

    teach(*(made_up / f"{name}.onnx" for name in ("vit", "mobilenet", "lite")), made_up / "work")
    return made_up / "work"


@pytest.fixture
def image_sets(taught):
    from recipes.image_nano.views import TaughtImages

    rng = np.random.default_rng(0)
    return {kind: TaughtImages(taught, kind, rng) for kind in store.KINDS}


def test_prepare_keeps_new_pictures_and_leaves_out_copies(made_up):
    shapes = [store.load(made_up / "work", kind, "images").shape for kind in store.KINDS]
    assert shapes[0] == (EXPECTED[0], 64, 64, 3)
    assert shapes[1:] == [(count, 128, 128, 3) for count in EXPECTED[1:]]
    labels = store.load(made_up / "work", "small", "labels")
    assert labels.tolist() == [0] * 16 + [1] * 16 + [-1] * 16
    assert not store.load(made_up / "work", "pets", "taught").any()


def test_evaluation_images_are_known_again_compressed_and_scans_mirrored(made_up, tmp_path):
    evaluation = EvaluationImages(made_up / "avoid")
    [path, *_] = find_images(made_up / "avoid")
    image = Image.open(path).convert("RGB")
    image.save(tmp_path / "copy.jpg", quality=60)
    copy = Image.open(tmp_path / "copy.jpg")
    mirrored = ImageOps.expand(ImageOps.mirror(image), 20, "black")
    assert evaluation.contain(path.read_bytes(), mirrored)
    assert evaluation.contain(b"", copy)
    assert evaluation.contain(b"", mirrored, scan=True)
    assert not evaluation.contain(b"", mirrored)


def test_transparent_pictures_lie_on_white_and_small_ones_are_left_out(tmp_path):
    Image.new("RGBA", (120, 100), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("RGB", (120, 90)).save(tmp_path / "small.png")
    decoded = prepare.decode((tmp_path / "clear.png").read_bytes())
    assert decoded is not None
    assert decoded.getpixel((5, 5)) == (255, 255, 255)
    assert prepare.decode((tmp_path / "small.png").read_bytes()) is None
    assert prepare.decode(b"no picture") is None


def test_a_repository_is_read_where_its_paths_say(tmp_path):
    repository = ImageRepository("a/b", "0", "MIT", only=("photo/",), never=("label",))
    wanted = [
        repository.wants(tmp_path / name) for name in ("Photo/1.jpg", "photo/Label.png", "x.jpg")
    ]
    assert wanted == [True, False, False]


def test_every_repository_belongs_to_a_kind_that_is_prepared():
    assert {repository.kind for repository in REPOSITORIES} == set(store.KINDS[1:])


def test_laps_follow_each_other_and_the_last_ends_at_the_shipped_size():
    laps = [schedule.lap_at(schedule.LAPS, done)[0] for done in np.linspace(0, 1, 50)]
    assert laps == sorted(laps)
    assert set(laps) == {0, 1, 2}
    number, part = schedule.lap_at(schedule.LAPS, 1.0)
    assert (number, part) == (2, pytest.approx(1))
    side, rate, counts = schedule.plan_batch(schedule.LAPS[2], 0.99, 64)
    assert side == schedule.SIDE
    assert rate < 0.01 * schedule.LAPS[2].rate
    assert counts == {"small": 16, "large": 24, "scans": 8, "pets": 16}


def test_every_kind_is_in_every_batch_of_the_narrow_student():
    side, _, counts = schedule.plan_batch(schedule.NARROW_LAPS[0], 0.5, 64)
    assert side == schedule.SIDE
    assert sum(counts.values()) == 64
    assert min(counts.values()) >= 5


def test_teachers_answer_for_every_picture_but_two_for_the_larger_only(taught):
    for kind in store.KINDS:
        assert store.load(taught, kind, "taught").all()
        assert np.isfinite(store.load(taught, kind, "vit")).all()
        assert store.load(taught, kind, "logits").any()
        for name in ("mobilenet", "lite"):
            assert store.load(taught, kind, name).any() == (kind != "small")


def test_views_are_of_the_asked_size_and_range(image_sets):
    batch = image_sets["large"].draw(16, 48)
    assert batch.views.shape == (16, 3, 48, 48)
    assert batch.views.min() >= -1
    assert batch.views.max() <= 1
    assert batch.vit.shape == (16, 192)
    assert (batch.labels == -1).all()


def test_a_picture_is_seen_once_before_any_is_seen_again(image_sets):
    scans = image_sets["scans"]
    answers = [scans.draw(8, 16).vit for _ in range(2)]
    seen = {tuple(row.tolist()) for part in answers for row in part}
    assert len(seen) == EXPECTED[2] == 16


def test_one_training_step_changes_the_weights_and_a_checkpoint_brings_them_back(
    image_sets, tmp_path
):
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from recipes.image_nano.losses import Distillation, target_spaces
    from recipes.image_nano.student import Student
    from recipes.image_nano.train import Plan, Training

    spaces = target_spaces(image_sets)
    plan = Plan(minutes=60, ranks=1, batch=16, laps=schedule.LAPS)
    training = Training(plan, Student(), Distillation(spaces))
    before = training.weights.values.clone()
    training.step(image_sets)
    assert np.isfinite(training.loss)
    assert not torch.equal(before, training.weights.values)
    assert 0 < training.done < 1
    training.save(tmp_path / "checkpoint.pt")
    resumed = Training(plan, Student(), Distillation(spaces))
    resumed.resume(tmp_path / "checkpoint.pt")
    assert torch.equal(resumed.weights.values, training.weights.values)
    assert resumed.steps == 1
    assert resumed.spent() >= training.spent_before


def test_a_teacher_that_did_not_answer_gives_no_target(image_sets):
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from recipes.image_nano.losses import target_spaces

    space = target_spaces(image_sets).mobilenet
    rows = torch.cat(
        [image_sets["small"].draw(1, 16).mobilenet, image_sets["pets"].draw(1, 16).mobilenet]
    )
    lengths = space.targets(rows).norm(dim=1)
    assert lengths.tolist() == [0, pytest.approx(1, abs=1e-5)]


@pytest.fixture
def wide():
    """A wide student whose batch normalisation has seen pictures."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from recipes.image_nano.student import Student

    torch.manual_seed(0)
    student = Student()
    with torch.no_grad():
        for _ in range(20):
            student(torch.rand(16, 3, 48, 48) * 2 - 1)
    return student.eval()


def test_a_narrow_student_keeps_the_channels_that_count(wide):
    """Half of the channels inside are dead: without them, what is put out is the same."""
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from recipes.image_nano.narrow import copy_strongest
    from recipes.image_nano.student import Student

    old, new = wide.s3[1].f, Student(narrow=True).eval().s3[1].f
    for part in old[:2]:
        dead = torch.randperm(128)[:32]
        with torch.no_grad():
            part[1].weight[dead], part[1].bias[dead] = 0, 0
    x = torch.rand(4, 256, 7, 7)
    with torch.no_grad():
        copy_strongest(new, old, x)
        torch.testing.assert_close(new(x), old(x), atol=1e-4, rtol=1e-4)


def test_a_narrowed_student_is_near_the_wide_one_and_learns(wide, image_sets):
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from recipes.image_nano.losses import target_spaces
    from recipes.image_nano.narrow import PooledDistillation, draw, narrowed
    from recipes.image_nano.student import Student
    from recipes.image_nano.train import Plan, Training

    views = draw(image_sets, 2)
    student = narrowed(wide, [batch.views for batch in views])
    x = views[0].views
    with torch.no_grad():
        near, fresh = (
            torch.nn.functional.cosine_similarity(wide(x), other(x)).mean()
            for other in (student, Student(narrow=True).eval())
        )
    assert near > 0.9
    assert near > fresh + 0.1
    objective = PooledDistillation(target_spaces(image_sets))
    counts = dict.fromkeys(store.KINDS, 16)
    lap = schedule.NARROW_LAPS[0]
    before = objective(student, views[0], lap, counts)
    objective.start(student, views)
    assert objective(student, views[0], lap, counts) < 0.8 * before
    plan = Plan(minutes=60, ranks=1, batch=64, laps=schedule.NARROW_LAPS)
    training = Training(plan, student, objective)
    weights = training.weights.values.clone()
    training.step(image_sets)
    assert np.isfinite(training.loss)
    assert not torch.equal(weights, training.weights.values)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_student_is_exported_with_the_shipped_graphs_operators_and_shapes(
    taught, tmp_path, shipped
):
    torch = pytest.importorskip("torch", reason=NO_TORCH)
    from recipes.image_nano.export import export
    from recipes.image_nano.student import Student

    torch.manual_seed(0)
    torch.save(Student(narrow=True).state_dict(), tmp_path / "narrow.pt")
    for path in taught.glob("*_images.npy"):
        (tmp_path / path.name).symlink_to(path)
    # An untrained student's rows lie so near each other that integers hardly tell them apart.
    export(tmp_path, tmp_path / "backbone.onnx", least=-1)
    ours, theirs = (
        onnx.load(str(path))
        for path in (tmp_path / "backbone.onnx", shipped / "featx-image-nano" / "backbone.onnx")
    )
    assert [n.op_type for n in ours.graph.node] == [n.op_type for n in theirs.graph.node]
    ours_stored, theirs_stored = (
        Counter((t.data_type, tuple(t.dims)) for t in model.graph.initializer)
        for model in (ours, theirs)
    )
    assert ours_stored == theirs_stored
