"""What a method ends with."""

from st_tf.ticket.ticket import MODEL, Ticket, TicketError
