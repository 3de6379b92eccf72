"""What each data set is measured by, what was asked of it, and what others reached: the tables of docs/results.md.

Per data set: (name in metrics/detail/evaluate.json, words, asked, what stands beside it).
"""

from typing import Final

PLAIN: Final = "plain boosting"
DETECTED: Final = ("events.detected_share", "failures announced", "more than the rule", "the error-code rule below")
FALSE_ALARMS: Final = ("events.false_alarms_per_machine_month", "false alarms per machine-month", "fewer than the rule",
                       "the error-code rule below; 0.59 a hand-made rule, whole set")
LEAD_TIME: Final = ("events.median_lead_time_h", "median lead time [h]", "",
                    "24 error-code rule; 48 is the most the data hold")

UNCALIBRATED: Final = (
    ("test.ece_uncalibrated", "expected calibration error before calibration", "", ""),
    ("test.brier", "Brier score", "", ""),
    ("test.brier_uncalibrated", "Brier score before calibration", "", ""),
)


def _turbofan(rmse: str, score: str, *, stars: tuple[str, str], plain: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [
        ("test.rmse_capped", "RMSE, test labels capped at 125 [cycles]", rmse, f"{stars[0]}; {plain[0]} {PLAIN}"),
        ("test.phm_score_capped", "PHM08 score, capped", score, f"{stars[1]}; {plain[1]} {PLAIN}"),
        ("test.rmse", "RMSE, raw test labels [cycles]", "", f"{plain[2]} {PLAIN}"),
        ("test.phm_score", "PHM08 score, raw", "", f"{plain[3]} {PLAIN}"),
        ("test.coverage_90", "coverage of the 90 % interval", "0.87 to 0.93", ""),
        ("test.coverage_90_below_cap", "the same, lives below the cap only", "0.87 to 0.93", ""),
        ("seconds", "features and fit [s]", "at most 60", ""),
        ("processor_seconds", "features and fit, processor time of both cores [s]", "",
         "the figure to read on a busy machine"),
    ]


FIGURES: Final[dict[str, list[tuple[str, ...]]]] = {
    "cmapss_fd001": _turbofan(
        "at most 9.3", "at most 150", plain=("11.50", "200", "12.80", "229"),
        stars=("10.61 STAR 2024 (cited from memory)", "169 STAR 2024 (cited from memory)")),
    "cmapss_fd002": _turbofan(
        "at most 9.1", "at most 420", plain=("12.14", "687", "25.22", "7,636"),
        stars=("12.55 FFVE 2024", "772 FFVE 2024")),
    "ai4i2020": [
        ("test.f1", "F1 at the threshold that costs least", "", "see the repeated folds below"),
        ("test.precision", "precision there", "", ""),
        ("test.recall", "recall there", "", ""),
        ("test.pr_auc", "average precision", "", "no clean published figure"),
        ("test.ece", "expected calibration error", "", ""),
        *UNCALIBRATED,
    ],
    "azure_pdm_daily": [
        DETECTED, FALSE_ALARMS, LEAD_TIME,
        ("test.pr_auc", "average precision, rows", "", "the guide's F1 of 0.980 is at 3 h steps, 24 h ahead"),
        ("test.ece", "expected calibration error", "", ""),
        *UNCALIBRATED,
    ],
    "azure_pdm_hourly": [
        DETECTED, FALSE_ALARMS, LEAD_TIME,
        ("test.pr_auc", "average precision, rows", "", "here 20 machines, 90 days"),
        ("test.ece", "expected calibration error", "", ""),
        *UNCALIBRATED,
    ],
    "backblaze_2013": [
        ("per_machine.pr_auc", "average precision, drives", "more than the rule", "the line below"),
        ("per_machine.rule_pr_auc",
         "average precision, drives, of the rule: any of SMART 5, 187, 188, 197, 198 above 0", "", ""),
        ("test.pr_auc", "average precision, drive-days", "", "prevalence is the chance level"),
        ("test.prevalence", "prevalence", "", ""),
        ("test.roc_auc", "ROC AUC, drive-days", "", "random row splits give 0.95+ and mean nothing"),
        ("test.ece", "expected calibration error", "", ""),
        *UNCALIBRATED,
    ],
    "demo_fleet": [
        ("test.pr_auc", "average precision, rows", "", ""),
        ("achievable.pr_auc", "average precision of the true probability, which only the simulation knows", "", ""),
        ("achievable.share_reached", "share of that reached by the forecast", "at least 0.9", ""),
        ("test.ece", "expected calibration error", "at most 0.02", ""),
        *UNCALIBRATED,
        ("test.coverage_90", "coverage of the 90 % interval of remaining life", "", ""),
        ("events.detected_share", "failures announced", "", "some give no warning"),
        ("events.false_alarms_per_machine_month", "false alarms per machine-month", "", ""),
        ("costs.saving_captured", "share of the possible saving", "", ""),
    ],
}
