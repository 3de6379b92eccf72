"""Save the joblib file as an MLflow model: python rival_mlflow.py MODEL.joblib FOLDER."""

import sys

import joblib
import mlflow

mlflow.sklearn.save_model(joblib.load(sys.argv[1]), sys.argv[2], pyfunc_predict_fn="predict_proba",
                          serialization_format="cloudpickle", pip_requirements=[])
