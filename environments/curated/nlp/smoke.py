import datasets, sentencepiece, tokenizers, torch, transformers
print(transformers.__version__, transformers.BertModel(transformers.BertConfig(hidden_size=8, num_attention_heads=2, num_hidden_layers=1, intermediate_size=8))(torch.tensor([[1, 2]])).last_hidden_state.shape)
