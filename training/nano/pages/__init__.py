"""Pages of the real world with their exact text: `content` writes, `sheet` draws, `layouts` arrange, `degrade` wears them out."""
