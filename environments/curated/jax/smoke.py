import flax, jax, optax
print(jax.__version__, flax.__version__, optax.__version__, jax.jit(jax.grad(lambda x: x**3))(2.0))
