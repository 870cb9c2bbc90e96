"""What a method ends with."""

from st_tf.ticket.facts import Costs, Provenance, TaskFacts, TrainingCost
from st_tf.ticket.prediction import PictureError, Prediction
from st_tf.ticket.ticket import MODEL, Early, Ticket, TicketError
