"""A reader study: slides with real, shuffled or uniform maps, questions, answers, agreement. Knows no outcome."""

from survviz.study.answers import Answer, AnswerLog, Timing, log_folder, read_answers
from survviz.study.design import CONDITIONS, Condition, Question, Study, StudyCase, load_study
from survviz.study.enabled import enable_study, enabled_study
from survviz.study.export import codebook, write_export
from survviz.study.maps import StudyMap, map_of, read_map, write_map
from survviz.study.plan import Assignment, reader_plan
from survviz.study.results import StudyResults, analyse
from survviz.study.sitting import Place, Screen, Sitting, screen_data

__all__ = [
    "CONDITIONS",
    "Answer",
    "AnswerLog",
    "Assignment",
    "Condition",
    "Place",
    "Question",
    "Screen",
    "Sitting",
    "Study",
    "StudyCase",
    "StudyMap",
    "StudyResults",
    "Timing",
    "analyse",
    "codebook",
    "enable_study",
    "enabled_study",
    "load_study",
    "log_folder",
    "map_of",
    "read_answers",
    "read_map",
    "reader_plan",
    "screen_data",
    "write_export",
    "write_map",
]
