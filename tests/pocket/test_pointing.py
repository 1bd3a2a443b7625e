"""What training tells the attention: the loss is the attention's, heads follow it."""

import dataclasses

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: what training tells the attention is left out")

from pocket import hops, model as M, pointing, stream, tokenizer as tokens  # noqa: E402

LAYERS = dataclasses.replace(M.TINY, num_hidden_layers=5, num_attention_heads=3, trained_context=2560, max_position_embeddings=2560)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return tokens.train(tokens.training_texts(200), 1024)


def test_the_loss_is_the_attention_that_looks_elsewhere():
    torch.manual_seed(1)
    q, k = torch.randn(2, 8, 4), torch.randn(2, 8, 4)
    visible = torch.tensor([[True, True, True, False], [True, True, False, True]])
    targets = torch.tensor([[True, False, False, False], [False, True, False, True]])
    points = pointing.Points(torch.tensor([10, 11]), torch.arange(8, 12), visible, targets, torch.tensor([0, 0]), [range(8, 9)])
    off, found = pointing.loss(q, k, [points])
    want, most = 0, 0
    for query, seen, wanted in ((2, [0, 1, 2], [0]), (3, [0, 1, 3], [1, 2])):  # places in the second sequence
        share = (k[1, seen] @ q[1, query] * 0.5).softmax(-1)[wanted].sum()
        want -= share.log() / 2
        most += (share >= 0.5) / 2
    torch.testing.assert_close(off, want)
    assert found == most


def test_tellers_learn_which_name(tokenizer):
    """Of states that hold the number of their tool, and of one that is open."""
    torch.manual_seed(1)
    state, tools = torch.zeros(1, 12, 6), torch.tensor([0, 1, 2, -1])
    for number in range(3):
        state[0, [number, 4 + 2 * number, 5 + 2 * number], number] = 1  # a query and the two tokens of a name
    points = pointing.Points(torch.arange(4), torch.arange(12), None, None, tools, [range(4, 6), range(6, 8), range(8, 10)])
    tellers = pointing.Tellers(dataclasses.replace(LAYERS, hidden_size=6))
    optimizer = torch.optim.AdamW(tellers.parameters(), lr=0.1)
    for _ in range(60):
        off, right = tellers.loss("found", state, [points])
        optimizer.zero_grad()
        off.backward()
        optimizer.step()
    assert off < 0.05 and right == 1


def test_heads_go_where_they_are_told(tokenizer):
    torch.manual_seed(2)
    rows = stream.Stream(tokenizer, 2560, 5, "sft", sources=["jumble"])
    batch = rows.batch(1)
    model = M.Pocket(dataclasses.replace(LAYERS, vocab_size=tokenizer.get_vocab_size()))
    forward = lambda run: model.hidden(batch["ids"], positions=batch["positions"], mask=batch["groups"], run=run)[0]
    told = M.Run()
    told.point(model, batch["points"])
    assert torch.equal(forward(told), forward(M.Run())), "looking on changes nothing"
    assert set(told.pointed) == set(told.states) == set(hops.HOPS)
    optimizer, first = torch.optim.AdamW(model.parameters(), lr=3e-3), None
    for _ in range(25):
        run = M.Run()
        run.point(model, batch["points"])
        forward(run)
        off = {hop: value for hop, (value, _) in run.pointed.items()}
        first = first or {hop: value.item() for hop, value in off.items()}
        optimizer.zero_grad()
        sum(off.values()).backward()
        optimizer.step()
    assert all(off[hop].item() < 0.8 * first[hop] for hop in hops.HOPS), (first, off)


def test_shallow_models_are_told_nothing(tokenizer):
    assert pointing.heads(M.TINY) == {} and not list(pointing.Tellers(M.TINY).parameters())
    assert pointing.heads(M.XS) == {"named": (1, 1), "found": (2, 0), "asked": (3, 0), "chosen": (5, 2), "copied": (5, 0)}
