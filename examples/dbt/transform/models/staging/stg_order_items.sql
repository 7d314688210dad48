-- One row for each item of an order.
select
    orders.id as order_id,
    orders.customer_id,
    orders.ordered_at,
    items.sku,
    items.quantity,
    items.quantity * items.price as amount
from {{ source('raw', 'orders__items') }} as items
inner join {{ source('raw', 'orders') }} as orders
    on orders._dlt_id = items._dlt_parent_id
