import ipykernel, matplotlib, nbformat, numpy, pandas, papermill, sklearn
print(papermill.__version__, ipykernel.__version__, matplotlib.get_backend(), nbformat.v4.new_notebook().nbformat)
