"""Lab: a VAE that draws one picture only

This VAE was trained without any error message, and its loss fell. But all pictures that it draws are alike, and so are
all its copies: a grey blur. Run your copy (`python my_answers/lab_all_alike.py`, in the folder of this module); it
takes a few seconds. Find the cause, put its letter into DIAGNOSIS, and repair `loss_of`, so that the code has a say.

    A  The noise in the middle is too strong: its deviation must be halved.
    B  The KL term has the wrong sign.
    C  The error is averaged over the pixels, while the KL is added up over the code.
    D  The decoder's last layer cannot make pictures, for Tanh reaches -1 and 1 only at infinity.

The error of a pixel is worth `(made - x)^2 / (2 * SPREAD^2)` nats, as in script 01.

After: 01_vae.py
Concepts: the variational autoencoder
Kind: lab
Time: 20 min
"""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

DIAGNOSIS = "?"
SPREAD = 0.25  # deviation of a pixel that the decoder promises
PIXELS, LATENT = 64, 8


def loss_of(made: Tensor, x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the loss of a batch: pictures `[B, 64]`, codes `[B, 8]`; one number."""
    error = ((made - x).square() / (2 * SPREAD**2)).mean(dim=1)  # [B]
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)  # [B]
    return (error + kl).mean()


def train() -> tuple[float, float]:
    """Return the KL in nats, and how much the copies of different digits differ (deviation of a pixel)."""
    torch.manual_seed(0)
    x = torch.tensor(load_digits().images, dtype=torch.float32).reshape(-1, PIXELS) / 8 - 1
    encoder = nn.Sequential(nn.Linear(PIXELS, 128), nn.ReLU(), nn.Linear(128, 2 * LATENT))
    decoder = nn.Sequential(nn.Linear(LATENT, 128), nn.ReLU(), nn.Linear(128, PIXELS), nn.Tanh())
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
    for step in range(600):
        rows = torch.arange(step * 128, step * 128 + 128) % len(x)
        mean, log_variance = encoder(x[rows]).chunk(2, dim=1)
        code = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        loss = loss_of(decoder(code), x[rows], mean, log_variance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        mean, log_variance = encoder(x).chunk(2, dim=1)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
        return float(kl), float(decoder(mean).std(dim=0).mean())


if __name__ == "__main__":
    nats, difference = train()
    print(f"the code carries {nats:.2f} nats; a pixel of the copies differs by {difference:.3f} from digit to digit")
